// A server with a token: the page comes, asks for it, and shows nothing before.
import assert from "node:assert/strict";
import { url, visit } from "./browser.mjs";

const TOKEN = "a-token-of-enough-characters-1234";

assert.equal((await fetch(`${url}/v1/events`)).status, 401);
await visit("/", async (page) => {
  await page.getByText("This server wants its token").waitFor();
  await page.getByLabel("Token").fill("a wrong one");
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByText("This server wants its token").waitFor();
  await page.getByLabel("Token").fill(TOKEN);
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByText("No event matches.").waitFor();
});
