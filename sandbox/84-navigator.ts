/** What there is of `navigator`. */
import { freeze, NativeTypeError } from './00-primordials.ts';
import { enumerable, expose } from './04-globals.ts';

// late: Navigator

const TOKEN = {};
class Navigator {
  constructor(token?: unknown) {
    if (token !== TOKEN) throw new NativeTypeError('Illegal constructor');
  }
  get userAgent(): string {
    return 'isolane';
  }
  get language(): string {
    return 'en';
  }
  get languages(): readonly string[] {
    return freeze(['en']);
  }
  get hardwareConcurrency(): number {
    return 1;
  }
}
enumerable(Navigator.prototype, ['userAgent', 'language', 'languages', 'hardwareConcurrency']);
expose('Navigator', Navigator);
export const theNavigator: object = new Navigator(TOKEN);
