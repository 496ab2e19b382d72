import { z } from 'zod';
import { CHECK_IDS, CHECK_MODES, SEVERITIES } from '../../domain/assurance/types';
import { count, pageOf } from './common';

export const checkId = z.enum(CHECK_IDS).meta({ id: 'ConsistencyCheck' });
export const severity = z.enum(SEVERITIES);

export const consistencyRequest = z
  .strictObject({
    mode: z.enum(CHECK_MODES).default('incremental').meta({
      description:
        '`incremental`: what changed since the last verified seal or the last run; `full`: everything',
    }),
    checks: z
      .array(checkId)
      .min(1)
      .max(CHECK_IDS.length)
      .default([...CHECK_IDS])
      .meta({ description: 'All, where none are named' }),
  })
  .default({ mode: 'incremental', checks: [...CHECK_IDS] })
  .meta({ id: 'ConsistencyRequest' });

export const finding = z
  .object({
    id: count,
    check: checkId,
    severity,
    subject: z.string().meta({ description: 'What it is about: SKU@LOCATION, order:<id>, hold:<id>, ...' }),
    details: z.record(z.string(), z.unknown()),
    repairable: z.boolean().meta({ description: 'The repair script puts it right; else it is for a person' }),
  })
  .meta({ id: 'ConsistencyFinding' });

export const findingPage = pageOf('ConsistencyFindingPage', finding);

export const checkList = z
  .object({
    items: z.array(
      z.object({
        id: checkId,
        title: z.string(),
        severity,
        finding: z.string(),
        repair: z.string(),
      }),
    ),
  })
  .meta({ id: 'ConsistencyChecks' });
