/**
 * A generator process: reads a plan from its parent, checks, says that it is ready, begins when told, sends its result. It
 * ends with its parent.
 */
import { Generator } from './generator.ts';
import type { GeneratorPlan, GeneratorResult } from './plan.ts';

export type ToGenerator = { readonly plan: GeneratorPlan } | { readonly go: true };
export type FromGenerator =
  | { readonly ready: true }
  | { readonly result: GeneratorResult }
  | { readonly refused: string };

function tell(message: FromGenerator): void {
  process.send?.(message);
}

let generator: Generator | null = null;

async function obey(message: ToGenerator): Promise<void> {
  if ('plan' in message) {
    generator = new Generator(message.plan);
    await generator.check();
    tell({ ready: true });
    return;
  }
  if (generator === null) throw new Error('there is no plan yet');
  const result = await generator.run();
  await generator.check();
  generator.close();
  tell({ result });
}

process.on('disconnect', () => process.exit(0));
process.on('message', (message) => {
  obey(message as ToGenerator).catch((error: unknown) => {
    tell({ refused: error instanceof Error ? error.message : String(error) });
  });
});
