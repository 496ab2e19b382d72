/** What a sandbox card does when it is charged. */
export interface SandboxCard {
  outcome: 'captured' | 'declined';
  declineCode: string | null;
  /** So many calls fail before the outcome is reached; nothing is captured by them. */
  networkErrors: number;
  /** The outcome is reached, and the response never arrives. */
  responseLost: boolean;
  /** The charge takes as long as the gateway's setting says. */
  slow: boolean;
  /**
   * Its customer is to authenticate first: does so by itself as late as a slow charge is captured, or never. Either may do it on the
   * page before. Null: there is nothing to authenticate.
   */
  challenge: 'answered' | 'abandoned' | null;
  /** What becomes of captures of a charge that was only authorised. */
  capture: 'made' | 'refused';
  /** What becomes of its refunds: made; refused for good; taken, and failed as late as a slow charge is captured. */
  refund: 'made' | 'refused' | 'fails-later';
  /** Its customer disputes the charge, as late after its capture as a slow charge is captured. */
  isDisputed: boolean;
}

const GOOD: SandboxCard = {
  outcome: 'captured',
  declineCode: null,
  networkErrors: 0,
  responseLost: false,
  slow: false,
  challenge: null,
  capture: 'made',
  refund: 'made',
  isDisputed: false,
};

function declined(declineCode: string): SandboxCard {
  return { ...GOOD, outcome: 'declined', declineCode };
}

const SANDBOX_CARDS: ReadonlyMap<string, SandboxCard> = new Map([
  ['tok_ok', GOOD],
  ['tok_declined', declined('card_declined')],
  ['tok_insufficient_funds', declined('insufficient_funds')],
  ['tok_flaky', { ...GOOD, networkErrors: 2 }],
  ['tok_timeout', { ...GOOD, responseLost: true }],
  ['tok_slow', { ...GOOD, slow: true }],
  ['tok_3ds', { ...GOOD, challenge: 'answered' }],
  ['tok_3ds_abandoned', { ...GOOD, challenge: 'abandoned' }],
  ['tok_capture_fails', { ...GOOD, capture: 'refused' }],
  ['tok_refund_fails', { ...GOOD, refund: 'refused' }],
  ['tok_refund_pending', { ...GOOD, refund: 'fails-later' }],
  ['tok_disputed', { ...GOOD, isDisputed: true }],
]);

/** Every card token the sandbox knows. */
export const SANDBOX_TOKENS: readonly string[] = [...SANDBOX_CARDS.keys()];

/** How the sandbox treats a token; one it does not know is declined with `invalid_token`. */
export function sandboxCard(token: string): SandboxCard {
  return SANDBOX_CARDS.get(token) ?? declined('invalid_token');
}
