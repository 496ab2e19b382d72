/** Decline code of a charge that was given up before the gateway had made it. */
export const ABANDONED = 'abandoned';

/** What a sandbox card does when it is charged. */
export interface SandboxCard {
  verdict: 'captured' | 'declined';
  declineCode: string | null;
  /** So many calls fail before the verdict is reached; nothing is captured by them. */
  networkErrors: number;
  /** The verdict is reached, and the answer never arrives. */
  answerLost: boolean;
  /** The gateway takes its time; what time is its setting. */
  slow: boolean;
}

const GOOD: SandboxCard = {
  verdict: 'captured',
  declineCode: null,
  networkErrors: 0,
  answerLost: false,
  slow: false,
};

function declined(declineCode: string): SandboxCard {
  return { ...GOOD, verdict: 'declined', declineCode };
}

const SANDBOX_CARDS: ReadonlyMap<string, SandboxCard> = new Map([
  ['tok_ok', GOOD],
  ['tok_declined', declined('card_declined')],
  ['tok_insufficient_funds', declined('insufficient_funds')],
  ['tok_flaky', { ...GOOD, networkErrors: 2 }],
  ['tok_timeout', { ...GOOD, answerLost: true }],
  ['tok_slow', { ...GOOD, slow: true }],
]);

/** Every card token the sandbox knows. */
export const SANDBOX_TOKENS: readonly string[] = [...SANDBOX_CARDS.keys()];

/** How the sandbox treats a token; one it does not know is declined with `invalid_token`. */
export function sandboxCard(token: string): SandboxCard {
  return SANDBOX_CARDS.get(token) ?? declined('invalid_token');
}
