/*
 * login_method.h -- how a client proves who it is.
 */
#ifndef PETSTORE_LOGIN_METHOD_H
#define PETSTORE_LOGIN_METHOD_H

enum login_method {
	LOGIN_PASSWORD,
	LOGIN_CERTIFICATE,
	LOGIN_TOKEN,
	LOGIN_SCRAM,
	LOGIN_NONE, /* nothing was shown */
	LOGIN_METHODS,
};

/* As metrics and logs name it; a literal. */
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
