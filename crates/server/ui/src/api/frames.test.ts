import { expect, test } from "vitest";
import { Frames } from "./frames";

test("frames are cut where they end, however the text comes in pieces", () => {
  const text = ': hello\nid: 1\n\nevent: event\nid: 2\ndata: {"a":1}\n\nevent: event\r\nid: 3\r\ndata: one\r\ndata: two\r\n\r\nevent: event\ndata: un';
  const whole = new Frames().push(text);
  expect(whole).toEqual([
    { event: "", id: "1", data: "" },
    { event: "event", id: "2", data: '{"a":1}' },
    { event: "event", id: "3", data: "one\ntwo" },
  ]);
  for (const size of [1, 2, 7]) {
    const frames = new Frames();
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.slice(i * size, (i + 1) * size));
    expect(pieces.flatMap((piece) => frames.push(piece))).toEqual(whole);
  }
});
