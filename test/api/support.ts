import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { randomBytes } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { startApi, type Api } from '../../api/server';
import { readSettings, type Settings } from '../../platform/config';
import type { Logger } from '../../platform/telemetry/log';
import { lazyTemporalClient } from '../../platform/temporal/connection';
import { engineNames, type EngineNames } from '../../workflows/contract/names';
import { expectDeclared } from './declared-problems';
import { CARRIER_SECRETS, signedHeaders } from '../support/carrier-signature';
import { ADMIN_KEY } from '../support/access-keys';
import { openTestShop, type TestShop } from '../support/fixtures';
import { productDatabase } from '../support/pooler';
import { temporalAddress, testLogger } from '../support/servers';

/** A running API on a database of its own, and whatever a test needs beside it. */
export interface TestApi extends TestShop {
  api: Api;
  client: Client;
  names: EngineNames;
  settings: Settings;
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
}

export interface CallOptions {
  body?: unknown;
  /** Sent as it is, instead of `body`. */
  raw?: string;
  headers?: Record<string, string>;
  /** The API key; null: none. That of an admin unless given. */
  key?: string | null;
  /** Signed as the sandbox carrier signs its updates. */
  signed?: boolean;
}

export interface Reply {
  status: number;
  headers: Headers;
  body: ReplyBody;
  text: string;
}

/** The members that tests read. Each test knows what it asked for, and fails where it is something else. */
export interface ReplyBody {
  id: string;
  orderId: string;
  status: string;
  code: string;
  errors: { path: string }[];
  items: { id: string; sku: string; seq: number; allocations: unknown[] }[];
  nextCursor: string | null;
  onHand: number;
  reserved: number;
  locations: unknown[];
  asOf: string;
  reservation: { status: string; expiresAt: string };
  payment: { id: string };
  payments: object[];
  refunds: object[];
  shipments: object[];
  decisions: object[];
  results: object[];
}

export interface TestApiOptions {
  env?: Record<string, string>;
  /** host:port; the run's Temporal unless given. */
  temporal?: string;
  shop?: TestShop;
  /** The test's own unless given. */
  log?: Logger;
}

export async function openTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const shop = options.shop ?? (await openTestShop());
  const product = productDatabase(shop.runtimeUrl);
  const settings = readSettings({
    PORT: '0',
    SHUTDOWN_GRACE_SECONDS: '5',
    ...CARRIER_SECRETS,
    ...product,
    ...options.env,
  });
  const temporal = lazyTemporalClient(settings, { address: options.temporal ?? temporalAddress() });
  const names = engineNames(`t${randomBytes(4).toString('hex')}-`);
  const api = await startApi({
    settings,
    db: shop.db,
    databaseUrl: product.DATABASE_URL,
    client: temporal.client,
    names,
    eagerStart: false,
    log: options.log ?? testLogger(),
  });
  return {
    ...shop,
    api,
    client: temporal.client,
    names,
    settings,
    call: (method, path, callOptions) => callApi(api.url, method, path, callOptions),
    async close() {
      await api.close();
      await temporal.close();
      if (!options.shop) await shop.close();
    },
  };
}

/**
 * Calls a path under `/api/v1`, or one outside of it when it begins with two slashes. A problem that the route does not declare fails the
 * test.
 */
export async function callApi(
  base: string,
  method: string,
  path: string,
  options: CallOptions = {},
): Promise<Reply> {
  const url = path.startsWith('//') ? `${base}${path.slice(1)}` : `${base}/api/v1${path}`;
  const text = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  const { key = ADMIN_KEY } = options;
  const response = await fetch(url, {
    method,
    body: text,
    headers: {
      ...(key === null ? {} : { 'x-api-key': key }),
      ...(text === undefined ? {} : { 'content-type': 'application/json' }),
      ...(options.signed ? signedHeaders(text ?? '') : {}),
      ...options.headers,
    },
  });
  const answer = await response.text();
  const { status, headers } = response;
  const body = parsed(answer) as ReplyBody;
  if (headers.get('content-type')?.startsWith('application/problem+json'))
    await expectDeclared(base, { method, url }, { status, code: body.code });
  return { status, headers, body, text: answer };
}

/** A POST that announces a body and sends none: the response to its headers. */
export async function withoutItsBody(
  { api }: TestApi,
  path: string,
  headers: Record<string, string> = { 'x-api-key': ADMIN_KEY },
): Promise<{ status?: number; body: { code: string; detail: string } }> {
  const sent = request(`${api.url}/api/v1${path}`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', 'content-length': '1000000' },
  });
  sent.on('error', () => undefined);
  sent.flushHeaders();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const body = (await json(response)) as { code: string; detail: string };
  sent.destroy();
  return { status: response.statusCode, body };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Nothing listens here, as far as anybody can promise that. */
export const NOWHERE = '127.0.0.1:9';

export function order(sku: string, quantity: number, more: Record<string, unknown> = {}) {
  return { customerId: 'c-1', items: [{ sku, quantity }], ...more };
}
