import { withTimeout } from '../with-timeout';

export interface HealthCheck {
  status: 'up' | 'down';
  latencyMs: number;
}

/** Runs a check; one that fails, or takes longer than `timeoutMs`, is `down`. Never throws. */
export async function checkHealth(check: () => Promise<unknown>, timeoutMs: number): Promise<HealthCheck> {
  const started = performance.now();
  const asked = check().then(
    () => 'up' as const,
    () => 'down' as const,
  );
  const status = (await withTimeout(asked, timeoutMs)) === 'up' ? 'up' : 'down';
  return { status, latencyMs: Math.round((performance.now() - started) * 10) / 10 };
}
