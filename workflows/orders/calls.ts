import { ActivityFailure, TemporalFailure } from '@temporalio/workflow';
import { ALL_SHIPMENTS, type Call } from '../../domain/ordering/rules';
import type { GatewayAsk, OrderProgress } from '../../domain/ordering/types';
import type { OrderSagaInput } from '../contract/messages';
import { briefly, carriers, database, gatewayActivities } from './activities';
import { asError, type FailingWork } from './failing';

/**
 * Calls of one order to carriers and gateways. They go on beside the steps; but for the first one to a gateway that is fast, which is a
 * step. One that fails is due again by its row, and paused by `FailingWork`.
 */
export class Calls {
  /** Not made again meanwhile. */
  readonly underWay = new Set<Call>();
  /** Charges, captures, voids and refunds that the gateway did not answer in a workflow task. */
  private readonly slow = new Set<Call>();
  private readonly gateway: ReturnType<typeof gatewayActivities>;
  private defect: Error | undefined;

  /** @param onEnd a call has ended: the rows are to be read */
  constructor(
    private readonly input: OrderSagaInput,
    private readonly failing: FailingWork,
    private readonly onEnd: () => void,
  ) {
    this.gateway = gatewayActivities(input.saga);
  }

  /** Asks the carrier to stop a shipment. One call for each: one about which the carrier hangs delays no other. */
  stop(shipmentId: string): void {
    const only = shipmentId === ALL_SHIPMENTS ? undefined : [shipmentId];
    this.beside(shipmentId, 'stop', carriers.stopShipments(this.input.order.orderId, only));
  }

  /**
   * Asks the gateway: in the workflow task where the gateway is fast, beside the steps where it is not, or did not respond.
   *
   * @returns null: the call is under way
   */
  async ask({ kind, id, tries }: GatewayAsk): Promise<OrderProgress | null> {
    const { order, saga } = this.input;
    const request = {
      orderId: order.orderId,
      ask: { kind, id },
      firstRetrySeconds: saga.firstRetryMs / 1_000,
      unknownLimitSeconds: saga.paymentUnknownSeconds,
    };
    if (!saga.gatewayIsFast || tries > 0 || this.slow.has(id)) {
      this.beside(id, `ask-${kind}`, this.gateway.askGateway(request));
      return null;
    }
    try {
      return await briefly.askGatewayBriefly(request);
    } catch (error) {
      if (!(error instanceof TemporalFailure)) throw error;
      this.slow.add(id);
      return database.readOrder(order.orderId);
    }
  }

  /** @throws what a call ended with that is no failure of its activity */
  throwDefect(): void {
    if (this.defect) throw this.defect;
  }

  private beside(id: Call, step: string, call: Promise<OrderProgress>): void {
    this.underWay.add(id);
    void call
      .then(() => this.failing.callEnded(id, step))
      .catch((error: unknown) => {
        if (!(error instanceof ActivityFailure)) this.defect = asError(error);
        else this.failing.callEnded(id, step, error);
      })
      .then(() => {
        this.underWay.delete(id);
        this.onEnd();
      });
  }
}
