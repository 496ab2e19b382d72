/**
 * Minutes of the buckets by which sums of products are kept, the shortest first. Each divides the next, and days are those of UTC. The offsets of
 * all time zones in use are multiples of the shortest, so that days and months of any of them consist of whole buckets.
 */
export const SPAN_MINUTES = [15, 180, 1_440] as const;
export type SpanMinutes = (typeof SPAN_MINUTES)[number];

/** Buckets of one length, from one that begins at `from` on, before `to`. Milliseconds since 1970. */
export interface SpanRange {
  minutes: SpanMinutes;
  from: number;
  to: number;
}

/**
 * The fewest buckets that a period consists of: the longest that are within it, and at its edges shorter ones.
 *
 * @param from milliseconds since 1970, as `to`, which is not in the period
 */
export function spansOf(from: number, to: number, spans: readonly SpanMinutes[] = SPAN_MINUTES): SpanRange[] {
  const minutes = spans.at(-1);
  if (minutes === undefined || from >= to) return [];
  const shorter = spans.slice(0, -1);
  // Nothing is shorter: what begins within the period.
  if (shorter.length === 0) return [{ minutes, from, to }];
  const length = minutes * 60_000;
  const first = Math.ceil(from / length) * length;
  const last = Math.floor(to / length) * length;
  if (first >= last) return spansOf(from, to, shorter);
  return [
    ...spansOf(from, first, shorter),
    { minutes, from: first, to: last },
    ...spansOf(last, to, shorter),
  ];
}
