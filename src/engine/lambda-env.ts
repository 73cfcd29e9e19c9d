/** The environment of a Lambda handler as AWS sets it, for code that asks where it runs. Holds no credentials. */
import { parse } from 'node:path';
import type { FunctionVersion } from '../contract/function.ts';

const REGION = 'us-east-1';

/** The function's own variables win where AWS lets them. */
export function lambdaEnv({ spec, version }: FunctionVersion): Readonly<Record<string, string>> {
  const { name, entry, env, handler, limits } = spec;
  const exportName = handler.kind === 'lambda' ? handler.exportName : '';
  const region = env['AWS_REGION'] ?? REGION;
  return {
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    TZ: ':UTC',
    LANG: 'en_US.UTF-8',
    ...env,
    _HANDLER: `${parse(entry).name}.${exportName}`,
    AWS_EXECUTION_ENV: `AWS_Lambda_nodejs${process.versions.node.split('.', 1)[0]}.x`,
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: String(version),
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(limits.memoryMiB),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
    LAMBDA_TASK_ROOT: '/var/task',
    LAMBDA_RUNTIME_DIR: '/var/runtime',
  };
}
