import { beginCharge } from '../../domain/ordering/pay';
import type { ClosableGateway } from '../../domain/payments/gateway';
import { onlyGateway } from '../../integrations/gateways';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { newId } from '../../platform/ids';
import { openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { askAbout, readReservationStatus, type Charging } from './asking';
import { insertChargingOrder, progressOf } from './paid-order';

let shop: TestShop;
let gateway: ClosableGateway;
beforeAll(async () => {
  shop = await openTestShop();
  gateway = createSandboxGateway({ url: shop.url, log: testLogger(), callTimeoutMs: 5_000 });
});
afterEach(() => expectInvariants(shop.db));
afterAll(async () => {
  await gateway.close();
  await shop.close();
});

const charging = (rest: { token: string }): Promise<Charging> => insertChargingOrder(shop.db, rest);
const ask = (order: Pick<Charging, 'orderId' | 'paymentId'>) =>
  askAbout({ db: shop.db, gatewayNamed: onlyGateway(gateway).named }, order);

describe('beginning a charge', () => {
  const LIMIT = 3;
  const begin = (orderId: string, updateId = newId()) =>
    beginCharge(shop.db, {
      orderId,
      updateId,
      payment: { method: 'card', token: 'tok_declined' },
      reservationId: null,
      gateway: 'sandbox',
      attemptLimit: LIMIT,
    });

  test('is refused once its reservation has been charged as often as allowed; a known id still gets its charge', async () => {
    const order = await charging({ token: 'tok_declined' });
    await ask(order);
    const ids = [newId(), newId()];
    for (const updateId of ids) {
      const begun = await begin(order.orderId, updateId);
      if (!begun.begun) throw new Error(begun.code);
      await ask({ ...order, paymentId: begun.paymentId });
    }
    const refused = { begun: false, code: 'PAYMENT_ATTEMPTS_EXCEEDED' };
    expect(await Promise.all([begin(order.orderId), begin(order.orderId)])).toMatchObject([refused, refused]);
    expect(await begin(order.orderId, ids[0])).toMatchObject({ begun: true, status: 'declined' });
    expect((await progressOf(shop.db, order.orderId)).payments).toHaveLength(LIMIT);
    expect(await readReservationStatus(shop.db, order)).toBe('pending');
  });

  test('of two at once with different ids makes one charge', async () => {
    const order = await charging({ token: 'tok_declined' });
    await ask(order);
    const begun = await Promise.all([begin(order.orderId), begin(order.orderId)]);
    expect(begun.filter((one) => one.begun)).toHaveLength(1);
    expect(begun.find((one) => !one.begun)).toMatchObject({ code: 'PAYMENT_IN_PROGRESS' });
  });
});
