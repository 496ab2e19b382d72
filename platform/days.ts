const DAY_MS = 86_400_000;

/** The day so many days after another, before it where they are negative; `YYYY-MM-DD`. */
export function dayAfter(day: string, days = 1): string {
  return new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 'YYYY-MM-DD'.length);
}

/** Days from one day to another, `YYYY-MM-DD`. */
export function daysAfter(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / DAY_MS;
}
