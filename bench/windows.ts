/** Runs `work` with `inFlight` calls at a time for `seconds`; returns how long each call took. */
export async function runWindow(options: {
  seconds: number;
  inFlight: number;
  work: () => Promise<void>;
}): Promise<Window> {
  const begun = performance.now();
  const until = begun + options.seconds * 1_000;
  const latenciesMs: number[] = [];
  await Promise.all(
    Array.from({ length: options.inFlight }, async () => {
      while (performance.now() < until) {
        const started = performance.now();
        await options.work();
        latenciesMs.push(performance.now() - started);
      }
    }),
  );
  return { seconds: (performance.now() - begun) / 1_000, latenciesMs };
}

export interface Window {
  seconds: number;
  latenciesMs: number[];
}

export function perSecond(windows: readonly Window[]): number {
  const done = windows.reduce((sum, window) => sum + window.latenciesMs.length, 0);
  return done / windows.reduce((sum, window) => sum + window.seconds, 0);
}

/** Nearest-rank percentile over all windows, milliseconds. */
export function percentile(windows: readonly Window[], rank: number): number {
  const sorted = windows.flatMap((window) => window.latenciesMs).sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((rank / 100) * sorted.length) - 1)] ?? Number.NaN;
}

export function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

/** Writes one JSON line on standard output, for other programs. */
export function report(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
