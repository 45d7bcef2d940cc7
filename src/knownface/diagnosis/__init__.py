"""What is wrong with the photos?"""
