import assert from "node:assert/strict";
import { emptyFields } from "@quartet/chassis/testing/empty-fields";
import { SessionSchema, UserSchema } from "@quartet/proto/shop/user/v1/user_pb";
import { describe, it } from "mocha";
import { aSession, aUser, beginTime } from "../testing/builders.ts";
import { toOpenedSessionMessage, toSessionMessage, toUserMessage } from "./user-message.ts";

describe("toUserMessage", () => {
  it("leaves out no field of the contract", () => {
    assert.deepEqual(emptyFields(UserSchema, toUserMessage(aUser())), []);
  });
});

describe("toOpenedSessionMessage", () => {
  it("leaves out no field of the contract", () => {
    const secrets = { accessToken: "signed", accessTokenExpireTime: beginTime, refreshToken: "random" };
    const message = toOpenedSessionMessage({ session: aSession(), ...secrets });
    assert.deepEqual(emptyFields(SessionSchema, message), []);
  });
});

describe("toSessionMessage", () => {
  it("leaves out the secrets and nothing else", () => {
    assert.deepEqual(emptyFields(SessionSchema, toSessionMessage(aSession())), [
      "access_token",
      "access_token_expire_time",
      "refresh_token",
    ]);
  });
});
