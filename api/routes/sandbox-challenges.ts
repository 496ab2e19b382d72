import { z } from 'zod';
import {
  answerPage,
  CHALLENGE_ANSWERS,
  readChallenge,
  type Challenge,
} from '../../integrations/sandbox-gateway/challenges';
import { html, type Html } from '../../platform/html';
import { PUBLIC } from '../http/access';
import { sendPage } from '../http/html';
import { notFound } from '../http/problems';
import { readReturnUrl } from '../http/return-url';
import { route, type Route } from '../http/route';
import type { ApiContext } from '../services/context';

const TAG = 'Gateways';
const ref = z.string().regex(/^sandbox_ch_[0-9a-f-]{36}$/);

/**
 * The page on which the customer of a sandbox card authenticates, in place of that of a bank. It is there for every charge where the
 * sandbox takes payments, and for open ones where it has.
 */
export function sandboxChallengeRoutes({
  db,
  settings,
  log,
}: Pick<ApiContext, 'db' | 'settings' | 'log'>): Route[] {
  const pages = { tables: db, log };

  function expectPage(charge: Challenge | undefined): Challenge {
    if (charge && (settings.PAYMENT_GATEWAY === 'sandbox' || charge.status === 'requires_action'))
      return charge;
    throw notFound('There is no such payment.');
  }

  return [
    route(
      {
        methods: ['get'],
        path: '/sandbox/3ds/{ref}',
        access: PUBLIC,
        tag: TAG,
        summary: "Where the customer of a sandbox card authenticates: a payment's `nextAction.url`",
        params: z.object({ ref }),
        responses: { 200: { description: 'A page for a browser', content: { 'text/html': z.string() } } },
        problems: ['DATABASE_UNAVAILABLE'],
      },
      async ({ params, res }) => {
        const charge = expectPage(await readChallenge(pages, params.ref));
        const origin = returnUrlOf(charge)?.origin;
        sendPage(res, {
          title: 'Sandbox payment',
          body: pageOf(charge),
          formOrigins: origin === undefined ? [] : [origin],
        });
        return null;
      },
    ),
    route(
      {
        methods: ['post'],
        path: '/sandbox/3ds/{ref}/{answer}',
        access: PUBLIC,
        tag: TAG,
        summary: 'What that customer says',
        description:
          'What the buttons of the page send. Where the payment does not wait for the customer any more, nothing changes.',
        params: z.object({ ref, answer: z.enum(CHALLENGE_ANSWERS) }),
        responses: {
          303: { description: "To the payment's `returnUrl`, or back to the page where there is none" },
        },
        problems: ['DATABASE_UNAVAILABLE'],
      },
      async ({ params, res }) => {
        expectPage(await readChallenge(pages, params.ref));
        const charge = await answerPage(pages, params.ref, params.answer);
        res.setHeader('cache-control', 'no-store');
        const back = charge && returnUrlOf(charge)?.href;
        res
          .status(303)
          .setHeader('location', back ?? `../${params.ref}`)
          .end();
        return null;
      },
    ),
  ];
}

/** Undefined: there is none, or a browser is not to be sent there. */
function returnUrlOf({ returnUrl }: Challenge): URL | undefined {
  return returnUrl === null ? undefined : readReturnUrl(returnUrl);
}

function pageOf(charge: Challenge): Html {
  const amount = amountOf(charge);
  if (charge.status !== 'requires_action')
    return html`<h1>Sandbox payment</h1>
      <p>${amount}: ${wordsOf(charge)}</p>
      ${goOn(charge)}`;
  return html`<h1>Is it you who pays ${amount}?</h1>
    <p>This page stands for that of a bank. No money moves.</p>
    ${button(charge, 'authenticate', 'Yes, authenticate')} ${button(charge, 'refuse', 'No, refuse')}`;
}

/** By an address relative to the page: a proxy may have put something in front of it. */
function button({ ref: charge }: Challenge, answer: string, label: string): Html {
  return html`<form method="post" action="${charge}/${answer}"><button>${label}</button></form>`;
}

function goOn(charge: Challenge): Html {
  const url = returnUrlOf(charge);
  return url ? html`<p><a href="${url.href}" rel="noreferrer">Go on</a></p>` : html``;
}

function wordsOf({ status, declineCode }: Challenge): string {
  switch (status) {
    case 'authorized':
      return 'authorised. It is captured later.';
    case 'captured':
      return 'paid.';
    case 'voided':
      return 'the authorisation was voided.';
    case 'declined':
      return `declined (${declineCode ?? 'card_declined'}).`;
    default:
      return 'under way.';
  }
}

/** Minor units of ISO 4217, as people write them. */
function amountOf({ amountMinor, currency }: Challenge): string {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency, currencyDisplay: 'code' });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amountMinor / 10 ** digits);
}
