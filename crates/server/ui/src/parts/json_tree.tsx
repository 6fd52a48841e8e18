/**
 * A JSON value as a tree. Only what is unfolded is in the document, long lists and texts are folded to their beginnings, so a
 * megabyte or five hundred levels open as fast as a line.
 */
import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import type { Json } from "../api/types";

/** Members of one value that are shown before one asks for more. */
const MEMBERS_SHOWN = 100;
/** A value of more is not opened by itself. */
const OPEN_MEMBERS_MAX = 30;
const TEXT_SHOWN = 500;
/** More text than this at once would make the page slow. */
const TEXT_MAX = 200_000;

type Actions = (path: string[], value: Json) => ComponentChildren;

interface Props {
  name?: string;
  value: Json;
  path?: string[];
  /** So many levels are open at first. */
  openLevels: number;
  /** What can be done with a value, shown beside it. */
  actions?: Actions;
}

export function JsonTree({ name, value, path = [], openLevels, actions }: Props) {
  if (value === null || typeof value !== "object") {
    return (
      <div class="leaf">
        <Name name={name} />
        <Leaf value={value} /> {actions?.(path, value)}
      </div>
    );
  }
  return <Branch name={name} value={value} path={path} openLevels={openLevels} actions={actions} />;
}

function Branch({ name, value, path, openLevels, actions }: Required<Pick<Props, "path">> & Props & { value: object }) {
  const members = Object.entries(value) as [string, Json][];
  const isArray = Array.isArray(value);
  const isSmall = path.length === 0 || members.length <= OPEN_MEMBERS_MAX;
  const [isOpen, setOpen] = useState(openLevels > 0 && members.length > 0 && isSmall);
  const [shown, setShown] = useState(MEMBERS_SHOWN);
  const size = isArray ? `[${members.length}]` : `{${members.length}}`;
  return (
    <div class="branch">
      <button type="button" class="quiet fold" aria-expanded={isOpen} disabled={members.length === 0} onClick={() => setOpen(!isOpen)}>
        <span aria-hidden="true">{members.length === 0 ? "·" : isOpen ? "▾" : "▸"}</span> <Name name={name} />
        <span class="dim">{size}</span>
      </button>
      {isOpen && (
        <div class="members">
          {members.slice(0, shown).map(([member, inner]) => (
            <JsonTree key={member} name={member} value={inner} path={[...path, member]} openLevels={openLevels - 1} actions={actions} />
          ))}
          {members.length > shown && (
            <button type="button" class="quiet" onClick={() => setShown(shown + MEMBERS_SHOWN)}>
              {members.length - shown} more…
            </button>
          )}
        </div>
      )}
    </div>
  );
}

function Name({ name }: { name?: string }) {
  return name === undefined ? null : (
    <bdi class="member">
      {name}
      <span class="dim">: </span>
    </bdi>
  );
}

function Leaf({ value }: { value: null | boolean | number | string }) {
  if (typeof value === "string") return <Text value={value} />;
  return <span class="plain">{String(value)}</span>;
}

/** Isolated, so that text written right to left does not turn round what stands beside it. */
function Text({ value }: { value: string }) {
  const [isWhole, setWhole] = useState(false);
  if (value.length <= TEXT_SHOWN) return <bdi class="text">{value}</bdi>;
  const limit = isWhole ? TEXT_MAX : TEXT_SHOWN;
  return (
    <>
      <bdi class="text">{value.slice(0, limit)}</bdi>
      <button type="button" class="quiet" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
        {isWhole ? "fold" : `… all ${value.length.toLocaleString("en")} characters`}
      </button>
      {isWhole && value.length > TEXT_MAX && <span class="dim"> (the first {TEXT_MAX.toLocaleString("en")}; copy gives all)</span>}
    </>
  );
}
