import { minorDigits } from '../../domain/catalog/currencies';
import { orderPaymentId } from '../../domain/orders/ids';
import { recordDispute } from '../../domain/payments/disputes';
import type { PaymentGateway } from '../../domain/payments/gateway';
import { settleRefund } from '../../domain/payments/refund';
import type { DisputeStatus } from '../../domain/payments/types';
import type { AuthorisedShop } from '../db/authorised-orders';
import { cancelOrder, giveBack, orderOf, PAYMENT } from '../db/support';
import { addStock } from '../support/fixtures';
import { randomOf, type Random } from '../support/random';
import { addMerchant } from './support';

/** With 0, 2 and 3 digits. */
export const CURRENCIES = ['JPY', 'USD', 'BHD'] as const;
export type Currency = (typeof CURRENCIES)[number];

const MERCHANTS = [
  ['house', 'UTC'],
  ['acme', 'America/New_York'],
  ['bolt', 'Europe/Berlin'],
  ['dawn', 'Pacific/Kiritimati'],
  ['dusk', 'Pacific/Pago_Pago'],
] as const;
/** Each sells one product from each of two warehouses in each currency. */
const WAREHOUSES = ['AMS', 'BER'] as const;
/** Money moves within so many days before yesterday. */
export const DAYS = 40;
const DAY_MS = 86_400_000;
const ENOUGH = 1_000_000_000;

/** The last day that is over wherever a merchant is. */
export function lastDay(): Date {
  return new Date(Date.now() - 2 * DAY_MS);
}

export const dayOf = (time: Date) => time.toISOString().slice(0, 10);
/** The day so many days before the last one. */
export const dayBefore = (days: number) => dayOf(new Date(lastDay().getTime() - days * DAY_MS));

export interface Market {
  products: Record<Currency, [string, ...string[]]>;
}

/** Merchants in several zones, what they sell in each currency, and what they are charged, which changes in time. */
export async function openMarket(shop: AuthorisedShop, random: Random): Promise<Market> {
  const { db } = shop;
  for (const [id, zone] of MERCHANTS) if (id !== 'house') await addMerchant(db, id, { zone });
  const sell = async (currency: Currency, merchant: string, warehouse: string) => {
    const sku = `${merchant}-${warehouse}-${currency}`;
    // Up to some hundred major units, of any minor ones.
    const price = random.whole(1, 5 * 10 ** (minorDigits(currency) + 2));
    await db.pool.query(
      `insert into products (sku, name, price_minor, currency, merchant_id)
       select $1, $1, $2, $3, id from merchants where code = $4`,
      [sku, price, currency, merchant],
    );
    await addStock(db, sku, warehouse, ENOUGH);
    return sku;
  };
  const sold = async (currency: Currency): Promise<[string, ...string[]]> => {
    const skus: [string, ...string[]] = [await sell(currency, 'house', 'AMS')];
    for (const [merchant] of MERCHANTS)
      for (const warehouse of WAREHOUSES)
        if (merchant !== 'house' || warehouse !== 'AMS') skus.push(await sell(currency, merchant, warehouse));
    return skus;
  };
  const products = { JPY: await sold('JPY'), USD: await sold('USD'), BHD: await sold('BHD') };
  await addFeeRules(shop, random);
  return { products };
}

/** Rules of all merchants but ours, from different days on, which only the past has. */
async function addFeeRules({ db }: AuthorisedShop, random: Random): Promise<void> {
  for (const currency of CURRENCIES)
    for (const [merchant] of MERCHANTS.slice(1))
      for (const days of [DAYS, 25, 12, 3]) {
        const minimum = random.whole(0, 40);
        await db.pool.query(
          `insert into fee_rules (merchant_id, currency, effective_from, rate_bp, fixed_minor, minimum_minor, maximum_minor, is_returned)
           select id, $2, $3, $4, $5, $6, $7, $8 from merchants where code = $1`,
          [
            merchant,
            currency,
            new Date(lastDay().getTime() - days * DAY_MS - random.whole(0, DAY_MS)),
            random.whole(0, 1_500),
            random.whole(0, 60),
            minimum,
            random.chance(0.5) ? minimum + random.whole(0, 500) : null,
            random.chance(0.5),
          ],
        );
      }
}

/** What becomes of so many orders, each by a seed of its own, several at once. */
export async function runOrders(
  shop: AuthorisedShop,
  market: Market,
  { seed, from, count, atOnce }: { seed: number; from: number; count: number; atOnce: number },
): Promise<void> {
  let next = from;
  const lane = async () => {
    while (next < from + count) {
      const of = next++;
      await runOrder(shop, market, randomOf(seed + of)).catch((cause: unknown) => {
        throw new Error(`the order ${of} of the seed ${seed} failed`, { cause });
      });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

async function runOrder(shop: AuthorisedShop, { products }: Market, random: Random): Promise<void> {
  const gateway = sayingWhen(shop.gateway, random);
  const items = itemsOf(products[random.pick(CURRENCIES)], random);
  const isLater = random.chance(0.1);
  const order = orderOf(items, { payment: PAYMENT, capture: isLater ? 'on_shipment' : 'now' });
  const { orderId } = order;
  await shop.place(order);
  await shop.carryOn(orderId, { gateway });
  if (isLater) {
    const from = WAREHOUSES.filter((code) => Object.keys(items).some((sku) => sku.includes(`-${code}-`)));
    for (const warehouse of from) if (random.chance(0.8)) await shop.pickUp(orderId, warehouse, { gateway });
  }
  for (let refunds = random.chance(0.2) ? random.whole(1, 3) : 0; refunds > 0; refunds--) {
    await giveBack(shop.db, orderId, random.whole(1, 3_000));
    await shop.carryOn(orderId, { gateway });
  }
  if (random.chance(0.03)) await failRefunds(shop, orderId);
  if (random.chance(0.05)) await dispute(shop, orderId, random);
  if (random.chance(0.05)) {
    await cancelOrder(shop.db, orderId);
    await shop.carryOn(orderId, { gateway });
  }
}

function itemsOf(skus: readonly [string, ...string[]], random: Random): Record<string, number> {
  const lines = Array.from({ length: random.whole(1, 4) }, (): [string, number] => [
    random.pick(skus),
    random.whole(1, 5),
  ]);
  return Object.fromEntries(lines);
}

const sometime = (random: Random) =>
  new Date(lastDay().getTime() - Math.floor(random.fraction() * DAYS * DAY_MS));

/** The gateway, as if money had moved at some time of the past. */
function sayingWhen(gateway: PaymentGateway, random: Random): PaymentGateway {
  return {
    ...gateway,
    async charge(request) {
      const outcome = await gateway.charge(request);
      return outcome.status === 'captured' ? { ...outcome, at: sometime(random) } : outcome;
    },
    async capture(request) {
      const outcome = await gateway.capture(request);
      return outcome.status === 'succeeded' ? { ...outcome, at: sometime(random) } : outcome;
    },
    async refund(request) {
      const outcome = await gateway.refund(request);
      return outcome.status === 'succeeded' ? { ...outcome, at: sometime(random) } : outcome;
    },
  };
}

/** Banks send refunds back. */
async function failRefunds({ db }: AuthorisedShop, orderId: string): Promise<void> {
  const { rows } = await db.pool.query<{ id: string; ref: string }>(
    `select id, gateway_ref as ref from refunds where order_id = $1 and status = 'succeeded' order by id limit 1`,
    [orderId],
  );
  for (const { id, ref: gatewayRef } of rows)
    await db.transaction((tx) => settleRefund(tx, id, { status: 'failed', gatewayRef, reason: 'sent back' }));
}

async function dispute({ db }: AuthorisedShop, orderId: string, random: Random): Promise<void> {
  const paymentId = orderPaymentId(orderId, 1);
  const { rows } = await db.pool.query<{ captured: number; currency: string }>(
    'select captured_minor as captured, currency from payments where id = $1 and captured_minor > 0',
    [paymentId],
  );
  const statuses: DisputeStatus[] = [
    'needs_response',
    'under_review',
    ...(random.chance(0.8) ? [random.pick(['won', 'lost'] as const)] : []),
  ];
  for (const { captured, currency } of rows) {
    const began = sometime(random).getTime();
    for (const [n, status] of statuses.entries()) {
      // Of which a bank may take more or less in the end.
      const amountMinor = n === 2 ? random.whole(1, captured) : captured;
      const occurredAt = new Date(began + n * 1_000);
      const fact = { gatewayRef: `dp_${orderId}`, amountMinor, currency, reason: 'fraudulent', dueBy: null };
      await db.retrying((tx) => recordDispute(tx, { paymentId, orderId }, { ...fact, status, occurredAt }));
    }
  }
}
