import { nameParcelUnits, readParcelUnits } from '../../domain/fulfilment/parcel-units';
import { ok } from '../http/answer';
import type { ApiContext } from '../context';
import { API_BASE } from '../use-cases/order-answers';
import { NAMING_PROBLEMS, problem } from '../http/problems';
import { route, type Route } from '../http/route';
import { idParams } from '../schemas/common';
import { parcelNaming, parcelUnits } from '../schemas/naming';

/** Which lots and serial numbers are in a parcel. */
export function shipmentRoutes({ db }: ApiContext): Route[] {
  const path = `${API_BASE}/shipments/{id}/units`;
  const tag = 'Lots and serial numbers';
  const answers = { 200: { description: 'The units of the parcel', schema: parcelUnits } };
  return [
    route(
      {
        methods: ['get'],
        path,
        tag,
        summary: 'Which lots and serial numbers are in a parcel',
        params: idParams,
        answers,
      },
      async ({ params }) => {
        const found = await readParcelUnits(db, params.id);
        if (!found) throw problem('NOT_FOUND', 'There is no such shipment.');
        return ok(found);
      },
    ),
    route(
      {
        methods: ['put'],
        path,
        tag,
        summary: 'Say which lots and serial numbers are in a parcel',
        description:
          'Before it leaves: they are kept for it and leave with it. After that: they are exchanged for those that were ' +
          'taken without being named. Safe to repeat.',
        params: idParams,
        body: parcelNaming,
        answers,
        problems: ['PARCEL_STOPPED', 'NOT_IN_PARCEL', ...NAMING_PROBLEMS, 'VALIDATION_FAILED'],
      },
      async ({ params, body }) => ok(await nameParcelUnits(db, { shipmentId: params.id, items: body.items })),
    ),
  ];
}
