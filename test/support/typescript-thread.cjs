// The thread of forecasts from its TypeScript: what dist/ has as JavaScript.
require('./ts-hook.cjs');
require('../../domain/forecasting/thread.ts');
