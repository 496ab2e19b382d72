import { dayAfter, daysAfter } from '../../platform/days';

/**
 * Parts of a range of days for so many at once: as equal as whole days let them be, in order.
 *
 * @param from `YYYY-MM-DD`, as `to`; both are included
 */
export function partsOf(
  { from, to }: { from: string; to: string },
  parts: number,
): { from: string; to: string }[] {
  const days = daysAfter(from, to) + 1;
  const count = Math.min(parts, days);
  return Array.from({ length: count }, (_, n) => ({
    from: dayAfter(from, Math.floor((n * days) / count)),
    to: dayAfter(from, Math.floor(((n + 1) * days) / count) - 1),
  }));
}
