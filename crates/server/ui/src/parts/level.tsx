import type { Level } from "../api/types";

/** A level by word and colour; the colour is never all there is. */
export function LevelMark({ level }: { level: Level }) {
  return <span class={`level ${level.toLowerCase()}`}>{level}</span>;
}
