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
	/*
	 * A certificate, and beside it the password of the same principal, as a contract's
	 * `security` sees it. Counted as a login by certificate.
	 */
	LOGIN_BOTH = LOGIN_METHODS + 1,
};

/* The method's name in metrics and logs, a literal. */
static inline const char *login_method_name(enum login_method method)
{
	static const char *const names[] = {
		[LOGIN_PASSWORD] = "password", [LOGIN_CERTIFICATE] = "certificate",
		[LOGIN_TOKEN] = "token",       [LOGIN_SCRAM] = "scram",
		[LOGIN_NONE] = "none",         [LOGIN_BOTH] = "certificate+password"
	};

	return names[method];
}

/* Of @methods, bits 1 << method, those to tell people: who may log in by either may by both. */
static inline unsigned login_methods_told(unsigned methods)
{
	return methods & (1u << LOGIN_PASSWORD | 1u << LOGIN_CERTIFICATE)
		       ? methods & ~(1u << LOGIN_BOTH)
		       : methods;
}

#endif
