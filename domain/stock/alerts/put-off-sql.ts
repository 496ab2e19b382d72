import type { Work } from './types';

/** A condition of SQL: this work on the row with this id is not put off after a failure. */
export const notPutOff = (work: Work, id: string) =>
  `not exists (select from failed_work f where f.work = '${work}' and f.subject = ${id}::text and f.retry_at > statement_timestamp())`;
