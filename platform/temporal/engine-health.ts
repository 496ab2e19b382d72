export interface EngineHealth {
  /** Whether the engine responds, as of at most a moment ago. Never throws and takes at most the probe's deadline. */
  reachable(): Promise<boolean>;
  /** Asks now. Rejects when there is no response in time. */
  probe(): Promise<void>;
  /** Records that a call just succeeded. */
  succeeded(): void;
}

/** How long the outcome of the last call is taken for that of the next one. */
const TRUST_UP_MS = 250;
const TRUST_DOWN_MS = 500;

/**
 * Knows whether the engine is away *before* anything is sent to it. That order matters: a start that fails half-way may
 * have arrived, and only a start that was certainly never sent may be refused with 503. Under load the calls themselves
 * show that the engine is there, so the probe costs nothing then.
 *
 * @param ask one bounded call that any server responds to
 */
export function createEngineHealth(ask: () => Promise<unknown>): EngineHealth {
  let lastUp = -Infinity;
  let lastDown = -Infinity;
  let probing: Promise<boolean> | undefined;

  async function probe(): Promise<void> {
    await ask();
    lastUp = performance.now();
  }

  async function isUp(): Promise<boolean> {
    try {
      await probe();
      return true;
    } catch {
      lastDown = performance.now();
      return false;
    } finally {
      probing = undefined;
    }
  }

  return {
    async reachable() {
      const now = performance.now();
      if (now - lastUp < TRUST_UP_MS) return true;
      if (now - lastDown < TRUST_DOWN_MS) return false;
      return (probing ??= isUp());
    },
    probe,
    succeeded() {
      lastUp = performance.now();
    },
  };
}
