import type { Claim } from '../../platform/database/outbox';

export interface Leases {
  /** These messages are claimed, and not delivered yet. */
  hold(claims: readonly Claim[]): void;
  /** What became of these is known. */
  release(claims: readonly Claim[]): void;
  /** Nothing is extended after it. */
  stop(): void;
}

/** A lease is extended this often while it runs: an extension that fails is tried again before it is over. */
const EXTENSIONS = 3;
/** A delivery that takes this many leases hangs: its messages are left to other relays. */
const MOST_LEASES = 20;

/**
 * Extends the leases of messages whose delivery takes long, so that no other relay delivers them at the same time. Of those that are
 * delivered within a third of a lease, which are nearly all, nothing is written.
 */
export function createLeases(options: {
  leaseSeconds: number;
  extend(claims: readonly Claim[], seconds: number): void;
}): Leases {
  const { leaseSeconds, extend } = options;
  const everyMs = (leaseSeconds * 1_000) / EXTENSIONS;
  const held = new Map<number, { claim: Claim; since: number }>();

  function extendAll(): void {
    const now = performance.now();
    const claims = [...held.values()].flatMap(({ claim, since }) => {
      const leases = (now - since) / (leaseSeconds * 1_000);
      return leases >= 1 / EXTENSIONS && leases < MOST_LEASES ? [claim] : [];
    });
    if (claims.length > 0) extend(claims, leaseSeconds);
  }

  const timer = setInterval(extendAll, everyMs);
  return {
    hold(claims) {
      for (const claim of claims) held.set(claim.id, { claim, since: performance.now() });
    },
    release(claims) {
      for (const { id, attempts } of claims) {
        // This relay may have claimed it anew since.
        if (held.get(id)?.claim.attempts === attempts) held.delete(id);
      }
    },
    stop: () => clearInterval(timer),
  };
}
