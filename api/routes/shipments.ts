import { nameParcelUnits, readParcelUnits } from '../../domain/fulfilment/parcel-units';
import { CHANGE_INVENTORY, READ_INVENTORY } from '../http/access';
import { API_BASE } from '../http/paths';
import { NAMING_PROBLEMS } from '../http/problems';
import { ok, okOrNotFound } from '../http/response';
import { route, type Route } from '../http/route';
import { idParams } from '../schemas/common';
import { parcelNaming, parcelUnits } from '../schemas/naming';
import type { ApiContext } from '../services/context';

/** Which lots and serial numbers are in a parcel. */
export function shipmentRoutes({ db, stock }: ApiContext): Route[] {
  const path = `${API_BASE}/shipments/{id}/units`;
  const tag = 'Lots and serial numbers';
  const responses = { 200: { description: 'The units of the parcel', schema: parcelUnits } };
  return [
    route(
      {
        methods: ['get'],
        path,
        access: READ_INVENTORY,
        tag,
        summary: 'Which lots and serial numbers are in a parcel',
        params: idParams,
        responses,
      },
      async ({ params }) => {
        return okOrNotFound(await readParcelUnits(db, params.id), 'There is no such shipment.');
      },
    ),
    route(
      {
        methods: ['put'],
        path,
        access: CHANGE_INVENTORY,
        tag,
        summary: 'Say which lots and serial numbers are in a parcel',
        description:
          'Before it leaves: they are kept for it and leave with it. After that: they are exchanged for those that were ' +
          'taken without being named, as of when it left; blocked units are then booked as gone, and an alert names the order. ' +
          'Safe to repeat.',
        params: idParams,
        body: parcelNaming,
        responses,
        problems: [
          'PARCEL_STOPPED',
          'NOT_IN_PARCEL',
          'BELOW_RESERVED',
          ...NAMING_PROBLEMS,
          'VALIDATION_FAILED',
        ],
      },
      async ({ params, body, caller: actor }) => {
        const named = { shipmentId: params.id, items: body.items, actor };
        return ok(await nameParcelUnits({ db, stock }, named));
      },
    ),
  ];
}
