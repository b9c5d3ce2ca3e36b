// `npm run draft-migration` drafts a migration in .build/ from the schema. STRICT, CHECKs and triggers, which it does
// not know, are added by hand when the draft moves to migrations/.
export const config = { dialect: "sqlite", schema: "./src/storage/schema.ts", out: "./.build/migrations" } as const;

// drizzle-kit reads the default export.
export { config as default };
