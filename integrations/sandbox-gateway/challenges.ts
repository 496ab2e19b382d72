import { applyGatewayEvent } from '../../domain/payments/gateway-events';
import type { Database } from '../../platform/database/database';
import type { Logger } from '../../platform/telemetry/log';
import { answerChallenge, selectNextAct, updateActTold, type ChallengeAnswer } from './challenge-queries';
import { selectChargeByRef, type SandboxCharge } from './queries';
import type { Notice } from './teller';

export { CHALLENGE_ANSWERS, type ChallengeAnswer } from './challenge-queries';

/** Decline code of a charge whose customer refused. */
const REFUSED = 'authentication_failed';

/** A charge as the page shows it on which its customer authenticates. Money in minor units. */
export type Challenge = Pick<
  SandboxCharge,
  'ref' | 'status' | 'amountMinor' | 'currency' | 'declineCode' | 'returnUrl'
>;

/** What pages work with. */
interface Pages {
  /** The database that holds the schema `sandbox_gateway`. */
  tables: Database;
  log: Pick<Logger, 'warn'>;
}

/** The address of the page of a charge. */
export function challengeUrl(pagesUrl: string, ref: string): string {
  return `${pagesUrl.replace(/\/+$/, '')}/sandbox/3ds/${ref}`;
}

/** Undefined: there is no such charge. Once it is answered its `returnUrl` is given to whoever ended it, and to nobody later. */
export async function readChallenge({ tables, log }: Pages, ref: string): Promise<Challenge | undefined> {
  const ended = await authenticateIfDue(tables, ref);
  const charge = await tellOf(await selectChargeByRef(tables, ref), { tables, log });
  return charge && { ...charge, ...ended };
}

/**
 * What the customer says on the page. Where the charge does not wait for it any more, nothing changes. Holdfast is told; where that
 * fails, the page or the gateway tells it later.
 *
 * @returns the charge since; undefined: there is no such charge
 */
export async function answerPage(
  { tables, log }: Pages,
  ref: string,
  answer: ChallengeAnswer,
): Promise<Challenge | undefined> {
  const ended = await answerChallenge(tables, ref, { answer, declineCode: REFUSED, isDue: false });
  const charge = await tellOf(await selectChargeByRef(tables, ref), { tables, log });
  return charge && { ...charge, ...ended };
}

async function tellOf(
  charge: SandboxCharge | undefined,
  { tables, log }: Pages,
): Promise<SandboxCharge | undefined> {
  if (!charge?.isUntold) return charge;
  await tell(tables, charge).catch((error: unknown) => {
    log.warn({ err: error, chargeRef: charge.ref }, 'what a customer has done could not be told');
  });
  return charge;
}

/** A customer who authenticates by itself has done so when the time has come, whoever looks. */
export function authenticateIfDue(
  tables: Database,
  ref: string,
): Promise<{ returnUrl: string | null } | undefined> {
  return answerChallenge(tables, ref, { answer: 'authenticate', declineCode: REFUSED, isDue: true });
}

/** The customer who acts next, told by the function that a webhook calls: the sandbox has no address to send from. */
export async function nextAct(tables: Database): Promise<Notice | undefined> {
  const act = await selectNextAct(tables);
  if (!act) return undefined;
  return {
    msLeft: act.msLeft,
    async tell() {
      await authenticateIfDue(tables, act.ref);
      // Meanwhile it may have been abandoned, or told of.
      const charge = await selectChargeByRef(tables, act.ref);
      if (charge?.isUntold) await tell(tables, charge);
    },
  };
}

async function tell(tables: Database, { ref, key }: { ref: string; key: string }): Promise<void> {
  await applyGatewayEvent(tables, 'sandbox', {
    eventId: `sandbox_evt_act_${ref}`,
    type: 'charge.customer_acted',
    occurredAt: new Date(),
    fact: { kind: 'charge', hasEnded: false, chargeRef: ref, paymentId: key },
  });
  await updateActTold(tables, ref);
}
