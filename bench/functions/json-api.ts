/** A JSON API as most are written: Hono for the routes, zod for what comes in. Nothing random, so every answer is known. */
import { Hono } from 'hono';
import { z } from 'zod';

interface Product {
  readonly sku: string;
  readonly name: string;
  readonly cents: number;
  readonly tags: readonly string[];
}

const PRODUCTS: readonly Product[] = Array.from({ length: 40 }, (_, n) => ({
  sku: `sku-${n}`,
  name: `Product number ${n}`,
  cents: 100 + n * 37,
  tags: [n % 2 === 0 ? 'even' : 'odd', `group-${n % 5}`],
}));

const Order = z.object({
  country: z.enum(['DE', 'FR', 'US']),
  email: z.email(),
  lines: z
    .array(z.object({ sku: z.string().min(1), quantity: z.number().int().min(1).max(100) }))
    .min(1)
    .max(50),
});
const Search = z.object({
  tag: z.string().min(1),
  limit: z.coerce.number().int().min(1).max(100).default(10),
});

const app = new Hono();

app.get('/v1/products', (c) => {
  const query = Search.safeParse(c.req.query());
  if (!query.success) return c.json({ error: 'invalid query' }, 400);
  const { tag, limit } = query.data;
  return c.json({ items: PRODUCTS.filter((each) => each.tags.includes(tag)).slice(0, limit) });
});

app.post('/v1/quotes', async (c) => {
  const order = Order.safeParse(await c.req.json().catch(() => undefined));
  if (!order.success) return c.json({ error: 'invalid order', problems: order.error.issues.length }, 400);
  let net = 0;
  for (const line of order.data.lines) {
    const product = PRODUCTS.find((each) => each.sku === line.sku);
    if (!product) return c.json({ error: 'unknown product', sku: line.sku }, 422);
    net += product.cents * line.quantity;
  }
  return c.json({ currency: 'EUR', net, tax: Math.round(net * 0.19), lines: order.data.lines.length });
});

export default app;
