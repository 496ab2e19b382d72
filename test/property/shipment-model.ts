import { afterVoid, beginVoid, hasLeft, hasStopped, shipmentMayBecome } from '../../domain/fulfilment/rules';
import type { ShipmentStatus } from '../../domain/fulfilment/types';
import type { PaidUnits } from '../../domain/payments/rules';
import type { Defect, Reply, Reservation, Shipment } from './order-rows';

/** The parcels of an order, and what carriers do with them. */
export class ShipmentModel {
  readonly all: Shipment[] = [];

  constructor(
    private readonly clock: { now: number },
    private readonly defect: Defect | null,
  ) {}

  create(reservation: Reservation): void {
    for (const line of reservation.lines) {
      const id = `${reservation.id}/${line.warehouse}`;
      const asked = { isStopRefused: false, tries: 0, dueAt: 0 };
      this.all.push({ id, reservation, line, status: 'pending', ...asked });
    }
  }

  hasAnyOf(reservation: Reservation): boolean {
    return this.all.some((one) => one.reservation === reservation);
  }

  parcelsThatLeft(reservation: Reservation): PaidUnits['parcels'] {
    return this.all
      .filter((one) => one.reservation === reservation && hasLeft(one.status))
      .map(({ id: shipmentId, line }) => ({ shipmentId, minor: line.shipped * line.priceMinor }));
  }

  /** What a carrier does with a parcel. What it has stopped, or never took, does not leave. Returns whether it leaves. */
  move(shipment: Shipment, to: ShipmentStatus): boolean {
    if (!shipmentMayBecome(shipment.status, to) || to === 'voiding' || to === 'voided') return false;
    if (shipment.status === 'voiding' && to === 'booked') return false;
    const leaves = !hasLeft(shipment.status) && hasLeft(to);
    shipment.status = to;
    if (!leaves) return false;
    const { line, reservation } = shipment;
    line.shipped += line.open;
    line.open = 0;
    if (reservation.status === 'confirmed' && reservation.lines.every(({ open }) => open === 0))
      reservation.status = 'shipped';
    return true;
  }

  clearRefusals(): void {
    for (const shipment of this.all) shipment.isStopRefused = false;
  }

  /** What has not left, and what no carrier has refused, is to be stopped. */
  beginStops(): void {
    for (const shipment of this.all) {
      const to = shipment.isStopRefused ? null : beginVoid(shipment.status);
      if (to) Object.assign(shipment, { status: to, tries: 0, dueAt: this.clock.now });
    }
  }

  /** One that a carrier is to be asked about now. */
  dueToStop(shipmentId: string): Shipment | undefined {
    return this.all.find(
      ({ id, status, dueAt }) => id === shipmentId && status === 'voiding' && dueAt <= this.clock.now,
    );
  }

  answerStop(shipment: Shipment, reply: Reply): void {
    if (reply === 'away' || reply === 'lost' || reply === 'customer') return;
    const to = afterVoid(shipment.status, reply === 'no' ? 'refused' : 'voided');
    if (!to) return;
    shipment.status = to;
    if (to === 'booked' && this.defect !== 'refusal-forgotten') shipment.isStopRefused = true;
  }

  /** Will not leave, and their units are still reserved. */
  get releasable(): Shipment[] {
    return this.all.filter(({ status, line }) => {
      const isFinal = hasStopped(status) || (this.defect === 'release-before-final' && status === 'voiding');
      return isFinal && line.open > 0;
    });
  }
}
