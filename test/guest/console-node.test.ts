/** Console lines against those of Node's own Console, for what both can know; the same source runs on both sides. */
import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { openGuest } from '../support/isolate.ts';

/** One to a line. */
const CASES: readonly string[] = String.raw`
console.log('a', 1, -0, 1n, null, undefined, true, Symbol('x'));
console.log({a:1,b:'x',c:[1,2,3],d:{e:{f:{g:1}}}});
console.log([1,,3], new Array(5), [undefined,null]);
console.log(Array.from({length:120},(_, i)=>i));
console.log(Array.from({length:30},(_, i)=>'item'+i));
console.log(new Map([['a',{b:1}],[{c:1},2]]), new Set([1,'a',{}]));
console.log(new Date(0), /a/gi, new Error('x').message);
console.log(class A {}, class B extends Map {}, function f(){}, ()=>{}, async()=>{}, function*g(){}, async function*h(){});
console.log(new (class Foo { constructor(){this.x=1} })(), Object.create(null), Object.create({a:1}));
console.log(new Uint8Array(3), new ArrayBuffer(4), new DataView(new ArrayBuffer(2)));
console.log('100%', 5);
console.log('%s', {toString(){return 'custom'}}, Symbol('q'));
console.log({'a-b':1, [Symbol('s')]:2, 3:4, get x(){return 1}, set y(v){}, get z(){return 1}, set z(v){}});
const o={a:1}; o.self=o; console.log(o, [o]);
console.log(new Number(3), new String('abc'), new Boolean(false), Object(1n), Object(Symbol('b')));
console.log([['a','b'],['c',['d',['e',['f']]]]]);
console.log({s:"it's", t:'say "hi"', u:'new\nline'});
console.log('x'.repeat(50), ['x'.repeat(60), 'y'.repeat(60)]);
console.log({long1:'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', long2:'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', long3: 'ccccccccccccc', l4: {a:1,b:2}});
console.table([{a:1,b:'x'},{a:2,c:true}]);
console.table([[1,2],[3,4]]);
console.table([1,'a',{}]);
console.table(new Map([['a',1]]));
console.table([{a:1,b:2}],['b']);
console.table(5);
console.table(new Set([1]));
console.dir({a:{b:{c:{d:{}}}}},{depth:0});
console.dir({a:{b:{c:{d:{}}}}});
console.group('G'); console.log('in\nside'); console.group(); console.warn({a:1}); console.groupEnd(); console.groupEnd(); console.log('out');
console.count(); console.count('x'); console.count(); console.countReset(); console.count(); console.countReset('nope');
console.assert(false);
console.assert(false,'m %s','x');
console.assert(false,{a:1});
console.assert(true,'no');
console.log(new URL('https://u:p@h:8/p?q#f').href, new URLSearchParams('a=1&b=2'), new Headers({a:'b'}));
console.log([1.5,2,3,4,5,6,7,8,9,10], [true,false]);
console.log([{a:1},{b:2}]);
console.log({a:[{b:[{c:1}]}]});
console.log(Object.assign(()=>{}, {a:1}), Object.assign(function n(){}, {b:2}));
console.log(globalThis === undefined, [function(){}, class {}], {f(){}, g:()=>1});
console.log((function(){return arguments})(1,2));
console.log([,'a'], [,,1,,]);
console.log(Object.assign([1,2],{x:1}), Object.assign(new Map(),{y:1}));
console.log(['a\u0000b\u001b[31m', '\ud800']);
console.log(NaN, [-0, 0, 1e21, 123456789]);
console.log({a:1n,b:Symbol('z'),c:undefined,d:null});
console.log();
console.log('');
console.log('%s');
console.log('%d', '42');
console.log('%i %f', 'x', 'y');
console.log('%s %s', 'a');
console.log('%s', null, undefined, -0);
console.log('%s %s %s', -0, 5n, [1,[2,[3]]]);
console.log('%d', 5n, {});
console.log('%s', new Error('err').message, new Date(0));
console.log(new (class extends Error{ constructor(){super('m'); this.name='My'; this.stack='My: m\n    at x'; this.code=5} })());
const e=new Error('outer',{cause:{why:1}}); e.stack='Error: outer\n    at y'; console.log(e); console.log({e});
const e=new AggregateError([1,2],'agg'); e.stack='AggregateError: agg\n    at z'; console.log(e);
const e=new TypeError('nostack'); e.stack=undefined; console.log(e);
console.log(new Blob(['abc'],{type:'text/plain'}), new AbortController().signal);
console.log(new DOMException('dm','AbortError').name, new Event('foo').type);
console.log(new FormData());
console.log(JSON, Math, Reflect, Intl);
console.log([[[[[[]]]]]], {a:{b:{c:{}}}}, {a:{b:{c:{d:1}}}});
`
  .trim()
  .split('\n');

it('writes what Node writes', async () => {
  const functions = CASES.map((code) => `function (console) { ${code} }`);
  const guest = await openGuest(
    `const cases = [${functions.join(',')}];
    export default { fetch(request) { cases[+new URL(request.url).pathname.slice(1)](console); return new Response(''); } }`,
  );
  try {
    for (const [at, code] of CASES.entries()) {
      let node = '';
      const stream = new Writable({
        write(chunk, _encoding, done) {
          node += chunk;
          done();
        },
      });
      new Function('console', code)(new Console({ stdout: stream, stderr: stream }));
      guest.lines.length = 0;
      guest.fetch(`http://h/${at}`);
      const own = guest.lines.map((line) => `${line.text}\n`).join('');
      expect(own, code).toBe(node);
    }
  } finally {
    guest.close();
  }
});
