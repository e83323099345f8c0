"""The run museum: recipes, healthy and faulty, and the recorder that trains them."""
