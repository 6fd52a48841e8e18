import { useState } from "preact/hooks";
import { unlock } from "./api/client";

/** Asks for the bearer token of a server that was started with one. */
export function Unlock() {
  const [given, setGiven] = useState("");
  const submit = (sent: Event) => {
    sent.preventDefault();
    unlock(given);
  };
  return (
    <form class="unlock" onSubmit={submit}>
      <h1>This server wants its token</h1>
      <p>
        It was started with <code>--token-file</code>. The token is kept for this tab alone.
      </p>
      <label>
        Token{" "}
        <input type="password" value={given} autocomplete="off" required onInput={(typed) => setGiven(typed.currentTarget.value)} />
      </label>{" "}
      <button type="submit" class="primary">
        Open
      </button>
    </form>
  );
}
