import { expect, test } from "vitest";
import { cellText, isInteger, kindOf, timeMs, widths } from "./answer";

const time = (text: string) => `at ${text}`;

test("kinds follow the names of Arrow types", () => {
  expect(kindOf('Timestamp(µs, "UTC")')).toBe("time");
  expect(kindOf("Timestamp(Microsecond, Some(\"UTC\"))")).toBe("time");
  expect(kindOf("Date32")).toBe("date");
  expect(kindOf("UInt64")).toBe("number");
  expect(kindOf("Decimal128(20, 2)")).toBe("number");
  expect(kindOf("Interval(DayTime)")).toBe("text");
  expect(kindOf("Utf8View")).toBe("text");
  expect(isInteger("Int64")).toBe(true);
  expect(isInteger("Float64")).toBe(false);
});

test("values are one line, null is none", () => {
  expect(cellText(undefined, "text", time)).toBeUndefined();
  expect(cellText(null, "number", time)).toBeUndefined();
  expect(cellText(0, "number", time)).toBe("0");
  expect(cellText("", "text", time)).toBe("");
  expect(cellText({ a: [1] }, "text", time)).toBe('{"a":[1]}');
  expect(cellText("2026-05-31T12:00:00", "time", time)).toBe("at 2026-05-31T12:00:00Z");
  expect(cellText("2026-05-31T12:00:00Z", "time", time)).toBe("at 2026-05-31T12:00:00Z");
});

test("times without a zone are UTC", () => {
  expect(timeMs("1970-01-01T00:00:01")).toBe(1_000);
  expect(timeMs("1970-01-02")).toBe(86_400_000);
  expect(timeMs(3)).toBeNaN();
});

test("widths are bounded", () => {
  const columns = [
    { name: "n", type: "Int64" },
    { name: "text", type: "Utf8View" },
  ];
  const stats = { plan_ms: 0, scan_ms: 0, total_ms: 0, files_total: 0, files_considered: 0, files_opened: 0, rows_decoded: 0, bytes_read: 0, requests: 0 };
  expect(widths({ columns, rows: [{ n: 1, text: "x".repeat(900) }], stats })).toEqual([6, 48]);
});
