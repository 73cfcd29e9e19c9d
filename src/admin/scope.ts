/** What a token may do (CONTRACT §2). `admin` implies all others; nothing else implies anything. */

export type Scope = 'admin' | 'deploy' | 'invoke' | 'read' | 'debug';

export const SCOPES: readonly Scope[] = ['admin', 'deploy', 'invoke', 'read', 'debug'];

export function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text);
}
