/** What the path-unified package asks of its own file of this name. */
import { invalidArgType } from '../errors.ts';

export const validateString = (value: unknown, name: string): void => {
  if (typeof value !== 'string') throw invalidArgType(name, 'string', value);
};
export const validateObject = (value: unknown, name: string): void => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw invalidArgType(name, 'Object', value);
};
