import type { Client } from '@temporalio/client';
import type { EngineCalls } from './engine-calls';

export interface EngineHealth {
  /** Whether the engine answers, as of at most a moment ago. Never throws and takes at most the probe's deadline. */
  reachable(): Promise<boolean>;
  /** Asks now. Rejects when there is no answer in time. */
  probe(): Promise<void>;
  /** A call just succeeded. */
  proved(): void;
}

/** A probe that takes longer counts as no answer: with it a 503 leaves well within five seconds. */
const PROBE_DEADLINE_MS = 1_500;
/** How long the last call's outcome stands for the next. */
const TRUST_UP_MS = 250;
const TRUST_DOWN_MS = 500;

/**
 * Knows whether the engine is away *before* anything is sent to it. That order matters: a start that fails half-way may
 * have arrived, and only a start that was certainly never sent may be answered with 503. Under load the calls themselves
 * prove the engine alive, so the probe costs nothing there.
 */
export function createEngineHealth(client: Client, calls: EngineCalls): EngineHealth {
  let lastUp = -Infinity;
  let lastDown = -Infinity;
  let probing: Promise<boolean> | undefined;

  async function probe(): Promise<void> {
    await calls.within(PROBE_DEADLINE_MS, () => client.workflowService.getSystemInfo({}));
    lastUp = performance.now();
  }

  async function ask(): Promise<boolean> {
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
      return (probing ??= ask());
    },
    probe,
    proved() {
      lastUp = performance.now();
    },
  };
}
