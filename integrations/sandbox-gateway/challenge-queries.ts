import { execute, maybeOne, type Queryable } from '../../platform/database/database';

/** What a customer says who is asked to authenticate. */
export const CHALLENGE_ANSWERS = ['authenticate', 'refuse'] as const;
export type ChallengeAnswer = (typeof CHALLENGE_ANSWERS)[number];

/**
 * Ends an open challenge: the charge is captured or authorised, and can be captured as long from now on as it could have been from the
 * beginning; or it is declined. Where its customer goes on is returned and not kept. Undefined: no challenge is open.
 *
 * @param isDue only where the customer has acted by itself
 */
export function answerChallenge(
  on: Queryable,
  ref: string,
  { answer, declineCode, isDue }: { answer: ChallengeAnswer; declineCode: string; isDue: boolean },
): Promise<{ returnUrl: string | null } | undefined> {
  return maybeOne(
    on,
    'sandbox_gateway.answer_challenge',
    `update sandbox_gateway.charges c
     set status = case when $2 = 'refuse' then 'declined' when c.capture_later then 'authorized' else 'captured' end,
         decline_code = case when $2 = 'refuse' then $3 end,
         captured_minor = case when $2 = 'authenticate' and not c.capture_later then c.amount_minor else 0 end,
         capture_before = clock_timestamp() + (c.capture_before - c.created_at),
         acts_at = clock_timestamp(), return_url = null
     from (select ref, return_url from sandbox_gateway.charges where ref = $1 for no key update) before
     where c.ref = before.ref and c.status = 'requires_action' and (not $4::bool or c.acts_at <= clock_timestamp())
     returning before.return_url as "returnUrl"`,
    [ref, answer, declineCode, isDue],
  );
}

export interface UntoldAct {
  ref: string;
  /** Milliseconds until its customer acts; zero or less: it has. */
  msLeft: number;
}

/** The charge whose customer acts next, of those that Holdfast was not told of. */
export function selectNextAct(on: Queryable): Promise<UntoldAct | undefined> {
  return maybeOne<UntoldAct>(
    on,
    'sandbox_gateway.next_act',
    `select ref, extract(epoch from acts_at - clock_timestamp())::float8 * 1000 as "msLeft"
     from sandbox_gateway.charges where acts_at is not null and told_at is null order by acts_at limit 1`,
    [],
  );
}

export function updateActTold(on: Queryable, ref: string): Promise<number> {
  return execute(
    on,
    'sandbox_gateway.act_told',
    'update sandbox_gateway.charges set told_at = clock_timestamp() where ref = $1',
    [ref],
  );
}
