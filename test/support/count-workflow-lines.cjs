const { getActivator } = require('@temporalio/workflow/lib/global-attributes');

/**
 * Hands over the counts themselves after each activation of a workflow, to a sink of the same thread. The interceptor of
 * `@temporalio/nyc-test-coverage` copies those of every file, with their source maps, and so does a sink's proxy: that takes longer than
 * the workflow's own code.
 */
exports.interceptors = () => ({
  internals: [
    {
      concludeActivation(input, next) {
        const { sinkCalls, info } = getActivator();
        if (globalThis.__coverage__)
          sinkCalls.push({
            ifaceName: 'coverage',
            fnName: 'merge',
            args: [globalThis.__coverage__],
            workflowInfo: info,
          });
        return next(input);
      },
    },
  ],
});
