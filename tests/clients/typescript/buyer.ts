// A customer that knows the shop by its descriptions only: node buyer.js USERS-ADDRESS ORDERS-ADDRESS SKU
// Writes what it saw as one line of JSON. The types come from `npm run generate`, which reads descriptions/.
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { components, paths as OrdersPaths } from "./obj/orders.js";
import type { paths as UsersPaths } from "./obj/users.js";

const [usersAddress, ordersAddress, sku] = process.argv.slice(2) as [string, string, string];
const once = () => ({ "Idempotency-Key": randomUUID() });

const email = `typescript-${randomUUID()}@example.com`;
const password = "correct horse battery staple";
const users = createClient<UsersPaths>({ baseUrl: usersAddress });
const registered = await users.POST("/v1/users", { params: { header: once() }, body: { email, password, fullName: "Typed Buyer" } });
if (registered.error) throw new Error(registered.error.detail);
const token = await users.POST("/connect/token", {
  headers: { "Content-Type": "application/x-www-form-urlencoded" },
  body: { grant_type: "password", username: email, password },
});
if (!token.data) throw new Error(JSON.stringify(token.error));

const orders = createClient<OrdersPaths>({ baseUrl: ordersAddress, headers: { Authorization: `Bearer ${token.data.access_token}` } });
const submit: components["schemas"]["SubmitOrderRequest"] = {
  paymentMethod: "pm_card_visa",
  shippingAddress: { name: "Typed Buyer", line1: "1 Main Street", city: "Berlin", postalCode: "10115", country: "DE" },
};

const placed: components["schemas"]["OrderView"][] = [];
for (let i = 0; i < 3; i++) {
  const { data, error } = await orders.POST("/v1/orders", { params: { header: once() }, body: { items: [{ sku, quantity: 1 }], submit } });
  if (!data) throw new Error(error.detail);
  placed.push(data);
}

const id = placed[0]!.id;
const late = await orders.POST("/v1/orders/{id}/items", { params: { path: { id }, header: once() }, body: { sku, quantity: 1 } });
const conflict = late.response.status === 409 ? late.error?.type : undefined;

const listed: string[] = [];
let cursor: string | undefined;
do {
  const { data, error } = await orders.GET("/v1/orders", { params: { query: { limit: 2, cursor } } });
  if (!data) throw new Error(error.detail);
  listed.push(...data.items.map((order) => order.id));
  cursor = data.nextCursor ?? undefined;
} while (cursor);

const first = await orders.GET("/v1/orders/{id}", { params: { path: { id } } });
console.log(
  JSON.stringify({
    placed: placed.map((order) => order.id),
    statuses: [...new Set(placed.map((order) => order.status))],
    conflict,
    listed,
    total: first.data?.total.amount,
    name: first.data?.shippingAddress?.name,
    submittedAt: first.data?.submittedAt,
    etag: first.response.headers.get("ETag"),
  }),
);
