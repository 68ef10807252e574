/* What the ESP32's core does: setup() once, loop() for ever. SKETCH is the sketch's file. */
#include "Arduino.h"
#include SKETCH

int main()
{
	setup();
	for (;;)
		loop();
}
