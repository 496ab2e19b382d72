import { z } from 'zod';
import { balanceTransactionsCsv } from '../../integrations/sandbox-gateway/balance-transactions';
import { OPERATORS } from '../http/access';
import { sendFile } from '../http/file-response';
import { API_BASE } from '../http/paths';
import { route, type Route } from '../http/route';
import { date, DAYS_IN_ORDER, daysWithin } from '../schemas/common';
import type { ApiContext } from '../services/context';

const query = z
  .strictObject({ from: date, to: date })
  .refine(...DAYS_IN_ORDER)
  .refine(...daysWithin(366));

/** What the sandbox gateway reports, to reconcile with. */
export function sandboxBalanceTransactionRoutes({ reports }: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/sandbox/balance-transactions.csv`,
        access: OPERATORS,
        tag: 'Gateways',
        limit: 'reports',
        summary: 'What the sandbox gateway says that it did, in the columns of a report of Stripe',
        description: 'Days are in UTC, and both are included. For `POST /jobs/reconciliation`.',
        query,
        responses: { 200: { description: 'The file', content: { 'text/csv': z.string() } } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { from, to }, res, signal }) => {
        const pieces = balanceTransactionsCsv(reports, { from, to });
        await sendFile(res, { mediaType: 'text/csv', name: `sandbox-${from}-${to}.csv`, pieces }, signal);
        return null;
      },
    ),
  ];
}
