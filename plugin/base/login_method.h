/*
 * login_method.h -- how a client proves its principal.
 */
#ifndef PETSTORE_LOGIN_METHOD_H
#define PETSTORE_LOGIN_METHOD_H

enum login_method {
	LOGIN_PASSWORD,
	LOGIN_CERTIFICATE,
	LOGIN_TOKEN,
	LOGIN_SCRAM,
	LOGIN_NONE, /* the client sent no credentials */
	LOGIN_METHODS,
};

/* The method's name in metrics and logs, a literal. */
static inline const char *login_method_name(enum login_method method)
{
	static const char *const names[LOGIN_METHODS] = { [LOGIN_PASSWORD] = "password",
							  [LOGIN_CERTIFICATE] = "certificate",
							  [LOGIN_TOKEN] = "token",
							  [LOGIN_SCRAM] = "scram",
							  [LOGIN_NONE] = "none" };

	return names[method];
}

#endif
