// For `drizzle-kit generate`, which drafts a migration from the schema. STRICT, CHECKs and triggers are added by hand.
export const config = { dialect: "sqlite", schema: "./src/storage/schema.ts", out: "./migrations" } as const;

// drizzle-kit reads the default export.
export { config as default };
