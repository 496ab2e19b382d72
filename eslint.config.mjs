import jest from 'eslint-plugin-jest';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', '.holdfast/', 'node_modules/'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      // Objects here are made by functions and closed over what they need; their methods may be passed on alone.
      '@typescript-eslint/unbound-method': 'off',
      'no-console': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
    },
  },
  {
    // What a workflow may not touch: anything whose answer could differ when its history is replayed.
    files: ['workflows/**/*.ts', 'domain/**/rules.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        'process',
        'Buffer',
        'fetch',
        'setInterval',
        'setImmediate',
        'performance',
      ],
    },
  },
  {
    // A process may run several of everything, and test files share the modules (test/support/runtime.cjs): state belongs to what is made, not to
    // the module. The program's start is one a process.
    files: ['{activities,api,cli,domain,integrations,platform,worker,workflows}/**/*.ts'],
    ignores: ['cli/main.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: ':matches(Program, ExportNamedDeclaration) > VariableDeclaration[kind!="const"]',
          message: 'A module keeps no state.',
        },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    extends: [jest.configs['flat/recommended']],
    rules: {
      'jest/expect-expect': ['error', { assertFunctionNames: ['expect', 'expect*', 'fc.assert', 'assert*'] }],
      'jest/no-conditional-expect': 'off',
      'jest/no-standalone-expect': ['error', { additionalTestBlockFunctions: ['audited'] }],
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    // Makes tests for several files.
    files: ['test/api/audited.ts'],
    rules: { 'jest/no-export': 'off' },
  },
);
