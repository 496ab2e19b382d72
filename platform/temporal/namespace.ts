import { setTimeout as delay } from 'node:timers/promises';
import { isGrpcServiceError, type Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { temporal } from '@temporalio/proto';
import { AppError } from '../errors';
import { boundedCall, DEADLINES_MS } from './bounded-call';

/** What of a connection is used here; a worker's NativeConnection has it as well. */
type Services = Pick<Connection, 'operatorService' | 'workflowService' | 'withDeadline'>;

const { IndexedValueType } = temporal.api.enums.v1;

/** The search attributes that orders set, by name. */
export const SEARCH_ATTRIBUTES = {
  OrderStatus: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  CustomerId: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  Attention: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
} as const;

const TYPE_NAMES: Readonly<Record<number, string>> = {
  [IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD]: 'Keyword',
  [IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST]: 'KeywordList',
};

const VISIBLE_MS = 90_000;
/** Each service re-reads namespaces every 2 s (system.namespaceCacheRefreshInterval), and only then knows a new name. */
const REFRESH_MS = 2_500;
const PERMISSION_DENIED = 7;
const UNIMPLEMENTED = 12;

/**
 * Registers Holdfast's search attributes where they are missing and waits until every service of the cluster takes
 * them (about 2.5 s when something was missing; one call when nothing was). Safe to call at every start.
 *
 * @returns the names that were added
 * @throws AppError `SEARCH_ATTRIBUTES_MISSING` when they are missing and we may not add them (the message holds the
 *   commands for an administrator), `SEARCH_ATTRIBUTE_TYPE` when a name is taken by another type.
 */
export async function ensureSearchAttributes(connection: Services, namespace: string): Promise<string[]> {
  try {
    const found = await call(connection, () =>
      connection.operatorService.listSearchAttributes({ namespace }),
    );
    const missing = Object.entries(SEARCH_ATTRIBUTES).filter(([name, type]) => {
      const actual = found.customAttributes[name];
      if (actual !== undefined && actual !== type) throw wrongType(namespace, name, type, actual);
      return actual === undefined;
    });
    if (missing.length === 0) return [];
    await call(connection, () =>
      connection.operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(missing),
      }),
    );
    await untilTaken(connection, namespace);
    return missing.map(([name]) => name);
  } catch (error) {
    if (!isRefused(error)) throw error;
    // Listing or adding is refused to this identity; using them may not be.
    if (await areTaken(connection, namespace)) return [];
    throw missingAndRefused(namespace, error);
  }
}

/**
 * Keeps closed workflows of `namespace`, with what their histories have of people, for so many days; those that are closed already for as long
 * as was set when they closed.
 *
 * @throws AppError `RETENTION_NOT_SET` where the server does not let us
 */
export async function setRetention(connection: Services, namespace: string, days: number): Promise<void> {
  const wanted = days * 86_400;
  try {
    const { config } = await call(connection, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
    if (Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) === wanted) return;
    await call(connection, () =>
      connection.workflowService.updateNamespace({
        namespace,
        config: { workflowExecutionRetentionTtl: msToTs(wanted * 1_000) },
      }),
    );
  } catch (cause) {
    if (!isRefused(cause)) throw cause;
    throw new AppError(
      'RETENTION_NOT_SET',
      `Temporal does not let us set how long namespace ${namespace} keeps closed workflows. Have it done: ` +
        `temporal operator namespace update --namespace ${namespace} --retention ${days}d`,
      { namespace },
      { cause },
    );
  }
}

function call<T>(connection: Services, request: () => Promise<T>): Promise<T> {
  return boundedCall(connection, DEADLINES_MS.slowCall, request);
}

async function areTaken(connection: Services, namespace: string): Promise<boolean> {
  const query = "OrderStatus = '' and CustomerId = '' and Attention = ''";
  return call(connection, () =>
    connection.workflowService.countWorkflowExecutions({ namespace, query }),
  ).then(
    () => true,
    () => false,
  );
}

async function untilTaken(connection: Services, namespace: string): Promise<void> {
  const added = Date.now();
  while (!(await areTaken(connection, namespace))) {
    if (Date.now() - added > VISIBLE_MS) {
      throw new AppError(
        'SEARCH_ATTRIBUTES_MISSING',
        `Namespace ${namespace} does not take its new search attributes.`,
      );
    }
    await delay(100);
  }
  // The frontend knows them now. History validates them too and has a clock of its own.
  await delay(Math.max(0, added + REFRESH_MS - Date.now()));
}

function isRefused(error: unknown): boolean {
  return isGrpcServiceError(error) && [PERMISSION_DENIED, UNIMPLEMENTED].includes(error.code);
}

function missingAndRefused(namespace: string, cause: unknown): AppError {
  const commands = Object.entries(SEARCH_ATTRIBUTES).map(
    ([name, type]) =>
      `temporal operator search-attribute create --namespace ${namespace} --name ${name} --type ${typeName(type)}`,
  );
  return new AppError(
    'SEARCH_ATTRIBUTES_MISSING',
    `Namespace ${namespace} lacks search attributes and we are not permitted to add them. Have them added:\n  ${commands.join('\n  ')}`,
    { namespace },
    { cause },
  );
}

function wrongType(namespace: string, name: string, wanted: number, actual: number): AppError {
  return new AppError(
    'SEARCH_ATTRIBUTE_TYPE',
    `Search attribute ${name} of namespace ${namespace} is of type ${typeName(actual)}, Holdfast needs ${typeName(wanted)}.`,
    { namespace, name },
  );
}

function typeName(type: number): string {
  return TYPE_NAMES[type] ?? `number ${type}`;
}
