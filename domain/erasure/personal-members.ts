/** Members of responses that may tell of a person: an address, what somebody wrote, a page to authenticate on. */
const PERSONAL: ReadonlySet<string> = new Set([
  'shipTo',
  'cancelReason',
  'reason',
  'note',
  'reference',
  'nextAction',
]);

/** The same value without the members that may tell of a person, at whatever depth. */
export function withoutPersonalMembers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPersonalMembers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) =>
      PERSONAL.has(name) ? [] : [[name, withoutPersonalMembers(member)]],
    ),
  );
}
