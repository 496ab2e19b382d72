import { z } from 'zod';
import { listAudit } from '../../domain/audit/list';
import { OPERATORS } from '../http/access';
import { cursorOf } from '../http/cursor';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { route, type Route } from '../http/route';
import { auditPage, auditSubject } from '../schemas/audit';
import { cursorTime, exactTime, line, pageQuery, rowNumber } from '../schemas/common';
import type { ApiContext } from '../services/context';

const listQuery = z.strictObject({
  ...pageQuery,
  cursor: cursorOf(z.object({ atMicros: cursorTime, id: rowNumber })).optional(),
  actor: line(200).optional().meta({ description: 'Who did it: `user:<id>`, `service:<id>`, `anonymous`' }),
  onBehalfOf: line(200).optional().meta({ description: 'Id of the customer for whom it was done' }),
  action: line(100)
    .optional()
    .meta({ examples: ['api_key.revoked'] }),
  subject: auditSubject.optional(),
  requestId: line(128).optional().meta({ description: 'The `X-Holdfast-Request-Id` of the response' }),
  from: exactTime.optional().meta({ description: 'Written at this time or later' }),
  to: exactTime.optional().meta({ description: 'Written before this time' }),
});

/** Who changed what. */
export function auditRoutes({ reports }: Pick<ApiContext, 'reports'>): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/admin/audit`,
        access: OPERATORS,
        limit: 'reports',
        tag: 'Administration',
        summary: 'Who changed what, newest first',
        description:
          'Every change by a person or a key. What somebody does with their own orders is in the history of the order alone ' +
          '(`GET /orders/{id}/events`), and movements of stock are in the ledger (`GET /inventory/{sku}/transactions`), each with its actor. ' +
          'Addresses and personal values are for admins.',
        query: listQuery,
        responses: { 200: { description: 'A page', schema: auditPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ principal, query: { cursor, ...filter } }) => {
        const { items, next } = await listAudit(reports, { ...filter, after: cursor });
        const shown =
          principal.role === 'admin'
            ? items
            : items.map((entry) => ({ ...entry, address: null, personal: null }));
        return okPage({ items: shown, next });
      },
    ),
  ];
}
