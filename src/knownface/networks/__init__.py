"""Pre-trained networks; Keras is imported only when one is built."""
