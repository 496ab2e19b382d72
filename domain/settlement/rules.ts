const DAY_MS = 86_400_000;

/**
 * Parts of a range of days for so many at once: as equal as whole days let them be, in order.
 *
 * @param from `YYYY-MM-DD`, as `to`; both are included
 */
export function partsOf(
  { from, to }: { from: string; to: string },
  parts: number,
): { from: string; to: string }[] {
  const [first, last] = [Date.parse(from), Date.parse(to)];
  const days = Math.round((last - first) / DAY_MS) + 1;
  const count = Math.min(parts, days);
  const dayOf = (n: number) => new Date(first + n * DAY_MS).toISOString().slice(0, 10);
  return Array.from({ length: count }, (_, n) => ({
    from: dayOf(Math.floor((n * days) / count)),
    to: dayOf(Math.floor(((n + 1) * days) / count) - 1),
  }));
}
