/** A few values as bars without axes, newest at the right. What was not measured is left empty. */
interface Props {
  what: string;
  values: (number | undefined)[];
  /** Bars that there is room for. */
  places: number;
  format: (value: number) => string;
}

const WIDTH = 4;
const HEIGHT = 48;

export function Sparkline({ what, values, places, format }: Props) {
  const shown = values.slice(-places);
  const known = shown.filter((value) => value !== undefined);
  const most = Math.max(0, ...known);
  const first = places - shown.length;
  const said = known.length === 0 ? "nothing measured yet" : `now ${format(known.at(-1) ?? 0)}, at most ${format(most)}`;
  return (
    <figure class="sparkline">
      <svg viewBox={`0 0 ${places * WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`${what}: ${said}`}>
        {shown.map((value, at) => {
          if (value === undefined) return null;
          // Nothing came in is another thing than nothing was measured.
          const height = Math.max(1, most > 0 ? (value / most) * HEIGHT : 0);
          return <rect key={at} x={(first + at) * WIDTH} y={HEIGHT - height} width={WIDTH - 1} height={height} />;
        })}
      </svg>
      <figcaption class="dim">
        {what}: {said}
      </figcaption>
    </figure>
  );
}
