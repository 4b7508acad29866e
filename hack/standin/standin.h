#ifndef STANDIN_H
#define STANDIN_H

/* A line on standard output. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A listening TCP socket on every address, or -1 if the port cannot be had. */
int listen_on(int port);

/* VALUE of the program's argument --NAME=VALUE, or NULL if there is none. */
const char *option(const char *name);

/* Makes the istio.<ServiceAccount> secrets that other pods mount. Never returns. */
void citadel_run(void);

/* Keeps the ConfigMap that Pilot elects its leader with. Never returns. */
void pilot_run(void);

/* Answers admission requests with "allowed", unchanged. Never returns. */
void injector_run(void);

#endif
